"""The same engine over more lines than one process, or one machine, should hold.

    buckets     a claims file in parts that hold whole claims
    priced      one part, priced anywhere
    joined      the priced parts put together again
    schedules   whether the machines that price them have the same releases
    spark       a Spark data frame, priced in its own partitions

Neither changes a result: the lines of a claim stay together, and what a whole file decides is settled before it is parted.
"""
