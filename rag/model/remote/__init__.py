"""Models that run elsewhere, behind servers that speak as OpenAI's embeddings or as Cohere's and Jina's rerankers do."""
