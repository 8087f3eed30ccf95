"""Draft the letters that the law asks for: a Finding goes in, Markdown comes out, what nobody knows stays open in it.

A folder a language: its words, and a template a letter. Source of the fields: GDPR, articles 33 and 34; the CNIL's
notification form.
"""
