"""Addresses without their secrets: no password, token or signed query reaches a file, a line, a report or MLflow."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote, unquote

HIDDEN = "***"
SHORTEST = 4  # characters of a part of a password that is hidden outside of addresses: shorter ones are parts of other words

# Two slashes, not of a path as in sqlite:////tmp/file, up to the last @: a password may have any character
_USER = re.compile(r"(?<!/)//(?!/)\S*@")
_UNCLEAR = re.compile(
    r"(?<!/)//(?!/)\S*[?;#]\S*@\S*"
)  # user and password, or a query with an @: where the host is cannot be said
_QUERY = re.compile(r"(//\S*?|\S(?=\?[^\s=]*=))\?\S+")  # of addresses, and of their paths alone, which libraries quote
_PARAMETERS = re.compile(r"(//\S*?[;#&])[^/\s]*=\S*")
_CREDENTIALS = re.compile(
    r"(?<![^\s/:@='\"(])[^\s/:@='\"(]{1,99}:[^\s/@]{1,999}@(?=[\w\[])"
)  # user:password@host, without a scheme
_WHOLE_USER = re.compile(r"(?<!/)//(?!/)(.*)@", re.DOTALL)
_WHOLE_UNCLEAR = re.compile(r"(?<!/)//(?!/).*[?;#].*@.*", re.DOTALL)


def without_secrets(text: str, *known: str) -> str:
    """A text, with users, passwords, tokens and queries of all addresses in it hidden.

    Args:
        text: any text, such as an error of a library.
        known: addresses whose passwords are hidden even where the text has only parts of them, or one in another encoding:
            libraries take an address with a special character in its password apart at the wrong place.

    >>> without_secrets("cannot reach mysql+pymysql://me:p@ss/w:rd@host:3306/db and https://host/file?sig=abc")
    'cannot reach mysql+pymysql://***@host:3306/db and https://host/file?***'
    >>> without_secrets("no cluster at me:password@10.0.0.1:6379")
    'no cluster at ***@10.0.0.1:6379'
    """
    for address in sorted(known, key=len, reverse=True):
        text = text.replace(address, address_without_secrets(address))
    for secret in sorted({secret for address in known for secret in _secrets_of(address)}, key=len, reverse=True):
        text = re.sub(re.escape(secret), HIDDEN, text, flags=re.IGNORECASE)
    text = _UNCLEAR.sub(f"//{HIDDEN}", text)
    text = _USER.sub(f"//{HIDDEN}@", text)
    text = _CREDENTIALS.sub(f"{HIDDEN}@", text)
    text = _QUERY.sub(rf"\1?{HIDDEN}", text)
    return _PARAMETERS.sub(rf"\1{HIDDEN}", text)


def address_without_secrets(address: str) -> str:
    """A text that is one address as a whole, with its secrets hidden. A password may even have blanks in it.

    >>> address_without_secrets("http://me:my password@[::1]:5000"), address_without_secrets("sqlite:////home/me@work/mlflow.db")
    ('http://***@[::1]:5000', 'sqlite:////home/me@work/mlflow.db')
    """
    shown = _WHOLE_USER.sub(f"//{HIDDEN}@", _WHOLE_UNCLEAR.sub(f"//{HIDDEN}", address))
    return without_secrets(re.sub(r"(//.*?)\?.+", rf"\1?{HIDDEN}", shown, flags=re.DOTALL))


def _secrets_of(address: str) -> Iterator[str]:
    """Password of an address, or its user if there is none, and values of its query: whole, in both encodings, and in parts.

    User and password together also as HTTP's basic authentication sends them, in base64: refusals may repeat it.
    """
    user = _WHOLE_USER.search(address)
    name, colon, password = user[1].partition(":") if user else ("", "", "")
    for credentials in {f"{name}:{password}", unquote(f"{name}:{password}")} if user else ():
        yield b64encode(credentials.encode(errors="replace")).decode()
    query = re.sub(r"^[^?;#]*[?;#]?", "", address[user.end() if user else 0 :])
    for secret in (password if colon else name, *re.findall(r"=([^&;#]*)", query)):
        for form in (secret, unquote(secret), quote(secret, safe=""), quote(unquote(secret), safe="")):
            for part in (form, *re.split(r"[@:/?#%&=;\s\[\]]+", form)):
                if len(part) >= SHORTEST:
                    yield part
