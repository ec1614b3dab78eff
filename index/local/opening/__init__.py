"""What happens before a store is open: its directory, an interrupted swap, an older format?"""
