"""The limit system: who asks, what they want, and whether this node does it for them
(docs/contract/limits.md).

    hints --> identifiers --> classifiers --> rewrite --> applications of limits --> priority

``policy_document.parse`` checks a policy, ``evaluation.judge`` applies it. All that is not a rule - name
servers, other people's lists, jq, the interfaces of this machine - comes in by way of ``surroundings``.
"""
