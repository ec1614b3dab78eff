"""How are questions answered in processes of their own, one a core?"""
