/** What the physics made of a network. */
export interface PhysicsLessons {
  /** The loss of training (train.ts) of the given network, of the compressed one before, and of it after. */
  loss: { given: number; before: number; after: number };
  steps: number;
  /** Why the network stays as it was before, where it does. */
  kept?: string;
}
