"""What does each address of the service do?"""
