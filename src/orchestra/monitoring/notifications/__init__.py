"""Notifications: what is said of alerts becomes mail, webhooks and messages in a chat.

A group is what one contact is told of alerts that belong together. What is said is decided from
what the store has of the group, and kept with the letters that follow from it in one script: who
decides a second time finds that somebody did. Letters are handed on at least once, under their id.
"""
