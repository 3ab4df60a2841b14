"""Post-training int8 quantisation, and the integer reference of every deployed operator.

numpy alone; a spec's weights are arrays by name, as evonas.proxy.weights describes them.
"""
