"""Question answering: parse, chunk, embed, retrieve, calibrate, answer, cite. Knows no HTTP and no SQL."""
