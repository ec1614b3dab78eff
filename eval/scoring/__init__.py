"""How good are the passages, answers and confidences of one run, and how do two runs compare?"""
