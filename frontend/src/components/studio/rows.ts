/** Heights of the timeline's rows, in pixels: the strips on the left and what lies beside them have to agree. */
export const LANE_HEIGHT = 96;
export const BUS_HEIGHT = 76;
export const LANE_ROW_HEIGHT = 76;
export const RULER_HEIGHT = 32;
