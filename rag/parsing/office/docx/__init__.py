"""What text, headings and tables does a Word document (DOCX) hold?"""
