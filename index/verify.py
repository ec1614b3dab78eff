def check_store(*a): return []
