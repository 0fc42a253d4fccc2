"""The tables and their indexes, defined once for AWS, the emulators, the tests and the deployment.

A module holds the table it is named for, and what belongs to that. ``all_tables`` lists and makes them,
``base`` and ``quick_model`` are what they have in common, ``connection`` is the client they share, and
``item_keys`` has what their keys are made of.

Every hash key begins with the node's name, so one deployment can hold many nodes. The indexes
``plan``, ``due`` and ``archiving`` are sparse: an item is in them only while somebody has to look at
it, at a known time.
"""
