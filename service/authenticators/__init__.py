"""How operators prove who they are: passkeys, and the company's OpenID provider.

The only place that knows their libraries.
"""
