"""Answers of networkx about a graph on standard input: `a b cost` a line, ports 0 to N-1, N first."""

import sys

import networkx as nx

count = int(sys.stdin.readline())
directed = nx.MultiDiGraph()
directed.add_nodes_from(range(count))
for number, line in enumerate(sys.stdin):
    a, b, cost = line.split()
    directed.add_edge(int(a), int(b), key=number, cost=float(cost))
plain = nx.Graph(nx.DiGraph(directed).to_undirected())
plain.remove_edges_from(list(nx.selfloop_edges(plain)))

for a, lengths in nx.all_pairs_shortest_path_length(nx.DiGraph(directed)):
    for b, length in lengths.items():
        print("shortest", a, b, length)
for a, costs in nx.all_pairs_dijkstra_path_length(directed, weight="cost"):
    for b, cost in costs.items():
        print("cheapest", a, b, int(cost))
for point in nx.articulation_points(plain):
    print("point", point)
for a, b in nx.bridges(plain):
    if directed.number_of_edges(a, b) + directed.number_of_edges(b, a) == 1:
        print("bridge", min(a, b), max(a, b))
for part in nx.connected_components(plain):
    print("part", min(part), len(part))
# Every place of a triangle a -> b -> c <- a, as one edge or another.
simple = nx.DiGraph(directed)
weight = {(a, b): directed.number_of_edges(a, b) for a, b in simple.edges}
total = sum(
    weight[a, b] * weight[b, c] * weight[a, c]
    for a, b in weight for c in simple.successors(b) if (a, c) in weight
)
print("triangles", total)
