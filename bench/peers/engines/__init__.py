# Copyright nnc contributors
# SPDX-License-Identifier: Apache-2.0
"""One module a contender, each with a class Engine:

    Engine(spec, inputs)   makes ready to run; spec has the files, "threads", "precision", "outputs" (names) and "symbols";
                           inputs are name to array
    run()                  one inference on these inputs
    outputs()              results of the last run, in the order of the network
    settings               one line: how it was set up
"""
