"""What a training minimises.

Every loss of logits and labels takes the softmax itself, computes in fp32 whatever it is given, and gives voxels that
are marked `IGNORE` a gradient of exactly zero. A batch in which nothing is known costs 0.
"""
