"""What does the store need of the operating system: files, locks, names, processes?"""
