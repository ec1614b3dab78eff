"""What shape do requests and replies have?"""
