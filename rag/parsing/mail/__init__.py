"""How are mails read, with their headers and attachments?"""
