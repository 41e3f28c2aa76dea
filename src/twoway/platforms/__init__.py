"""What platforms accept, and kits for them: one file a platform. Pure, data first.

platform            the words in which a platform is written
order               what a kit is made of, and each certificate where it belongs
preflight           a file held against a platform's rules
kit                 the files, the steps and the preflight report of one side of a link

A new platform is one new file, and its line in ``catalogue``.
"""
