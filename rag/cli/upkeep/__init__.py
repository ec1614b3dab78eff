"""How is a store checked, copied, mended and changed over, and how does one see what state it is in?"""
