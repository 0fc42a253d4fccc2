"""Looks a plugin over before others have to live with it: ``make plugin-check NAME=rtt``.

What is checked stands in the modules here, a function a rule, each yielding sentences about what is wrong.
"""
