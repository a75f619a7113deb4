"""The records of the lab's DNS: a JSON zone in, the answer to a question out.

The zone, every part of which may be missing:

    {"ttl": 300,
     "ptr": {"198.51.100.1": "gw.example.net"},
     "origins": [{"prefix": "198.51.100.0/24", "asn": [64500, 64501], "country": "DE"}],
     "as_names": {"64500": {"name": "EXAMPLE-ACCESS", "country": "DE"}},
     "hosts": {"www.example.net": ["192.0.2.1", "2001:db8::1"]},
     "aliases": {"ftp.example.net": "www.example.net"}}

`ptr` values may be lists, `asn` a number. Names are served as in the real zones: in-addr.arpa,
ip6.arpa, origin.asn.cymru.com, origin6.asn.cymru.com and asn.cymru.com.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

_ORIGIN = {4: "origin.asn.cymru.com", 6: "origin6.asn.cymru.com"}
_REVERSE = {4: "in-addr.arpa", 6: "ip6.arpa"}
_ABSENCE = ". {ttl} IN SOA ns.lab. admin.lab. 1 3600 600 86400 {ttl}"

Records = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Origin:
    """One prefix as Team Cymru's zone would have it."""

    network: IPv4Network | IPv6Network
    text: str


class Zone:
    """All that the server knows, by lower-case name without trailing dot."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.ttl = int(data.get("ttl", 300))
        self.records: dict[str, Records] = {}
        self._origins = [_origin(each) for each in data.get("origins", ())]
        for address, names in data.get("ptr", {}).items():
            for name in [names] if isinstance(names, str) else names:
                self._add(ip_address(address).reverse_pointer, "PTR", f"{name.rstrip('.')}.")
        for name, addresses in data.get("hosts", {}).items():
            for address in addresses:
                self._add(name, "AAAA" if ":" in address else "A", address)
        for name, target in data.get("aliases", {}).items():
            self._add(name, "CNAME", f"{target.rstrip('.')}.")
        for asn, record in data.get("as_names", {}).items():
            self._add(f"as{asn}.asn.cymru.com", "TXT", _as_text(asn, record))

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """The authority's answer, CNAME chains followed; NXDOMAIN and no data carry an SOA."""
        response = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        name = question.name
        for _ in range(16):
            records = self._at(name)
            target = records.get("CNAME") if question.rdtype != dns.rdatatype.CNAME else None
            if target is None:
                break
            self._put(response, name, "CNAME", target)
            name = dns.name.from_text(target[0])
        wanted = dns.rdatatype.to_text(question.rdtype)
        if found := records.get(wanted):
            self._put(response, name, wanted, found)
        else:
            response.set_rcode(dns.rcode.NOERROR if records else dns.rcode.NXDOMAIN)
            soa = _ABSENCE.format(ttl=self.ttl).split(maxsplit=4)
            response.authority.append(dns.rrset.from_text(soa[0], self.ttl, *soa[2:]))
        return response

    def _add(self, name: str, record: str, value: str) -> None:
        self.records.setdefault(name.lower(), {}).setdefault(record, []).append(value)

    def _at(self, name: dns.name.Name) -> Records:
        text = name.to_text(omit_final_dot=True).lower()
        if records := self.records.get(text):
            return records
        texts = [_quoted(text) for text in self.origin_texts(text)]
        return {"TXT": texts} if texts else {}

    def origin_texts(self, name: str) -> list[str]:
        """The records of all prefixes that hold the address in an origin name."""
        for version, suffix in _ORIGIN.items():
            if name.endswith(f".{suffix}"):
                labels = name.removesuffix(f".{suffix}").split(".")[::-1]
                text = ".".join(labels) if version == 4 else _groups("".join(labels))
                try:
                    address = ip_address(text)
                except ValueError:
                    return []
                return [each.text for each in self._origins if address in each.network]
        return []

    def _put(
        self, response: dns.message.Message, name: dns.name.Name, record: str, values: list[str]
    ) -> None:
        response.answer.append(dns.rrset.from_text_list(name, self.ttl, "IN", record, values))


def _groups(nibbles: str) -> str:
    return ":".join(nibbles[start : start + 4] for start in range(0, len(nibbles), 4))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _origin(data: Mapping[str, Any]) -> Origin:
    asns = data["asn"] if isinstance(data["asn"], list) else [data["asn"]]
    network = ip_network(data["prefix"])
    text = f"{' '.join(map(str, asns))} | {network} | {data.get('country', '')} | lab | 2001-01-01"
    return Origin(network, text)


def _as_text(asn: str | int, data: Mapping[str, Any]) -> str:
    country = data.get("country", "")
    suffix = f", {country}" if country else ""
    return _quoted(f"{asn} | {country} | lab | 2001-01-01 | {data['name']}{suffix}")
