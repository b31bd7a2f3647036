// Regions as a drawing of the viewer: on the PET voxel by voxel, on the CT by the nearest voxel of the PET, for display only.

// the number of a voxel in the viewer by its number in storage: both grids hold the same voxels in another order
export function renumbered(grid, shown) {
  const at = (index) => shown.flat(shown.index(grid.lps(index)));
  const zero = at([0, 0, 0]);
  const [dz, dy, dx] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((one) => at(one) - zero);
  const [, ny, nx] = grid.shape;
  return (n) => {
    const x = n % nx;
    const row = (n - x) / nx;
    const y = row % ny;
    return zero + ((row - y) / ny) * dz + y * dy + x * dx;
  };
}

export function onPet(slots, grid, shown) {
  const found = new Uint8Array(slots.length);
  const to = renumbered(grid, shown);
  for (let n = 0; n < slots.length; n++) if (slots[n]) found[to(n)] = slots[n];
  return found;
}

// lowest and highest index of each slot's voxels
function boxes(slots, [, ny, nx]) {
  const found = new Map();
  for (let n = 0; n < slots.length; n++) {
    if (!slots[n]) continue;
    const x = n % nx;
    const row = (n - x) / nx;
    const place = [(row - (row % ny)) / ny, row % ny, x];
    const box = found.get(slots[n]);
    if (!box) found.set(slots[n], [place.slice(), place]);
    else place.forEach((v, k) => { box[0][k] = Math.min(box[0][k], v); box[1][k] = Math.max(box[1][k], v); });
  }
  return found;
}

// the part of another grid that a box of the PET's grid covers
function covered([low, high], grid, shown) {
  const ends = [0, 1, 2].map((k) => [low[k] - 0.5, high[k] + 0.5]);
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((c) => shown.at(grid.lps([0, 1, 2].map((k) => ends[k][(c >> k) & 1]))));
  return [0, 1, 2].map((k) => [Math.max(0, Math.ceil(Math.min(...corners.map((c) => c[k])))),
    Math.min(shown.shape[k] - 1, Math.floor(Math.max(...corners.map((c) => c[k]))))]);
}

export function onOther(slots, grid, shown) {
  const found = new Uint8Array(shown.shape[0] * shown.shape[1] * shown.shape[2]);
  const zero = grid.at(shown.lps([0, 0, 0]));
  const [di, dj, dk] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((one) => grid.at(shown.lps(one)).map((v, n) => v - zero[n]));
  const [nz, ny, nx] = grid.shape;
  for (const [slot, box] of boxes(slots, grid.shape)) {
    const [[i0, i1], [j0, j1], [k0, k1]] = covered(box, grid, shown);
    for (let k = k0; k <= k1; k++)
      for (let j = j0; j <= j1; j++)
        for (let i = i0; i <= i1; i++) {
          const z = Math.round(zero[0] + i * di[0] + j * dj[0] + k * dk[0]);
          const y = Math.round(zero[1] + i * di[1] + j * dj[1] + k * dk[1]);
          const x = Math.round(zero[2] + i * di[2] + j * dj[2] + k * dk[2]);
          if (z < 0 || y < 0 || x < 0 || z >= nz || y >= ny || x >= nx) continue;
          if (slots[(z * ny + y) * nx + x] === slot) found[(k * shown.shape[1] + j) * shown.shape[0] + i] = slot;
        }
  }
  return found;
}
