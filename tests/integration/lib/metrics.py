"""Prometheus's text format on standard input, through Prometheus's own Python client, as JSON:
[{name, type, help, samples: [{name, labels, value}]}]."""
import json
import sys

from prometheus_client.parser import text_string_to_metric_families

print(json.dumps([
    {
        "name": family.name,
        "type": family.type,
        "help": family.documentation,
        "samples": [
            {"name": each.name, "labels": each.labels,
             "value": str(each.value) if each.value in (float("inf"),) else each.value}
            for each in family.samples
        ],
    }
    for family in text_string_to_metric_families(sys.stdin.read())
]))
