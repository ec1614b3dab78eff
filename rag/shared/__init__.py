"""What do all rooms share: values, errors, settings, and how text comes in and goes out?"""
