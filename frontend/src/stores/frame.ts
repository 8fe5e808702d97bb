import { create } from "zustand";

type FrameState = {
  paletteOpen: boolean;
  queueOpen: boolean;
  /** Whether the server has stopped to answer. */
  serverLost: boolean;
  openPalette: () => void;
  closePalette: () => void;
  toggleQueue: () => void;
};

/** What of the frame is open. */
export const useFrame = create<FrameState>((set) => ({
  paletteOpen: false,
  queueOpen: false,
  serverLost: false,
  openPalette: () => set({ paletteOpen: true }),
  closePalette: () => set({ paletteOpen: false }),
  toggleQueue: () => set((state) => ({ queueOpen: !state.queueOpen })),
}));
