"""The commands that people type about documents, questions and stores."""
