"""How did a question's passages come about, and what would simpler methods list?"""
