// What a region stands as, and the colour of that: blue-yellow hues that the colour-blind tell apart (Okabe–Ito).
export const kind = (row) => (row.status === "doubtful" ? "doubt" : row.counted ? "in" : "out");
export const hue = (row) => (row.new && kind(row) === "in" ? "fresh" : kind(row)); // what the reader says is new
export const COLOUR = { in: [230, 159, 0], doubt: [240, 228, 66], out: [86, 180, 233], fresh: [213, 94, 0] };
export const css = (name, alpha = 1) => `rgb(${COLOUR[name].join(" ")} / ${alpha})`;
