#!/bin/sh
# What Dify sends to an external knowledge base. In Dify: Knowledge > External Knowledge API > Add,
# API Endpoint $FOOTNOTE_URL/dify, API Key $FOOTNOTE_KEY; then Connect to an External Knowledge Base with the
# name of a collection as the External Knowledge ID.
curl --silent --show-error --fail-with-body "${FOOTNOTE_URL:-http://127.0.0.1:8000}/dify/retrieval" \
  --header "Authorization: Bearer $FOOTNOTE_KEY" --header "Content-Type: application/json" \
  --data '{"knowledge_id": "default", "query": "why did Zelensky refuse to sign?",
           "retrieval_setting": {"top_k": 3, "score_threshold": 0.2}}'
