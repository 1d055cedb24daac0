"""The services, and the workers that run the label and production jobs. Knows no screen."""
