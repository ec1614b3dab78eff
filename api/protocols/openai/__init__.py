"""How does a client of OpenAI's API find this service's collections, files and answers?"""
