"""Pictures of the console's screens, over a deployment with tasks in every state."""
