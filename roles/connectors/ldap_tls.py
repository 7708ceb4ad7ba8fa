"""Whether an LDAP server begins TLS in time and with a certificate that fits, found out before libldap connects.

libldap on GnuTLS, as Debian has it, waits without limit for a server that falls silent while TLS begins, and has no
words for a certificate that does not fit. So TLS is begun once on a connection of its own, which is then closed.
The connection that carries the password is made after that, by libldap, which looks at the certificate itself.
"""

import socket
import ssl

from .base import Unavailable
from .ldap_settings import Place

# The extended request StartTLS (RFC 4511, 4.14.1) as it goes over the line, and the code of success in the answer.
STARTTLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
SUCCESS = b"\x0a\x01\x00"


def try_tls(place: Place, seconds: float) -> None:
    """Begin TLS as the settings say, and end it again. Raises Unavailable."""
    try:
        context = ssl.create_default_context(cafile=place.ca_file or None)
    except OSError as error:
        raise Unavailable(f"The certificates in {place.ca_file} cannot be read: {error.strerror}.") from error
    # Python 3.13 asks more of an authority's certificate than libldap does, and than many a company's own has.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        with socket.create_connection((place.host, place.port), timeout=seconds) as line:
            if place.starttls:
                line.sendall(STARTTLS)
                if SUCCESS not in line.recv(4096):
                    raise Unavailable(f"{place.url} does not begin TLS: use ldaps://, or set it up there.")
            context.wrap_socket(line, server_hostname=place.host).close()
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(
            f"The certificate of {place.url} does not fit: {error.verify_message or error.reason}."
        ) from error
    except OSError as error:
        raise Unavailable(f"{place.url} cannot be reached: {error.strerror or error}.") from error
