"""From a file's bytes to the text that is stored and cited, with its sections. One module a format; ``formats`` tells the kind."""
