"""What we hold ourselves to. Change a goal here, and say why in ARCHITECTURE.md."""

# Requests/s as a fraction of the bare server's, per workload.
RATIO = {"s3_put_1k": 0.35, "s3_get_1k": 0.50, "s3_get_8m": 0.85, "sqs_send": 0.50, "sqs_receive_delete": 0.45}

# The same with IAM enforced, as a fraction of the rate without.
RATIO |= {"sqs_send_by_user": 0.85}

# At most, per figure of footprint.py.
AT_MOST = {"first_answer_empty_ms": 20, "first_answer_10k_ms": 30, "idle_mib": 25, "binary_mib": 40}
