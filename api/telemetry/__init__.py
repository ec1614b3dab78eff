"""What does the service say about its work: logs, metrics, traces?"""
