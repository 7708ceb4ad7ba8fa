"""Access reviews: does each of those who may or do hold a role still need it?"""
