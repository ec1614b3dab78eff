"""How is a file parsed in a process that may crash, hang or be taken over without harm to the service?"""
