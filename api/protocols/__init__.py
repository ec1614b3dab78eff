"""How do programs that speak the protocol of another system ask this service?"""
