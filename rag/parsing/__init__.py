"""What text, pages, headings and tables does a file hold? One room a family of formats; ``formats`` tells the kind."""
