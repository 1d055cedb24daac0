"""Redis: the arq jobs that wake workers, and the presence that workers publish.

What there is to do is in MariaDB. Losing Redis loses nothing: the reconciler queues tasks again.
"""
