"""What does a document look like: which file is it made of, and how are its pages shown?"""
