"""Training: how well a network learns a task within a recipe.

The recipe, the schedule, the batches, the initial weights and the folding of batch norms are numpy
alone, so that every backend shares them; only build.py and backends/torch.py import torch.
"""
