"""The cases of abuse by their ids: A, approval and separation of duties, and B, activation and time.

Most are tested beside the verb or page they are about, under names that carry the id. Here stands what goes across all
paths and pages, and the check that no id is without a test.
"""
