Feature: Use case
  Tom twins a wearable with his telephone, step by step as the document tells it (RD appendix B.1).

  @HLF-SD-001 @HLF-SD-003 @HLF-PD-001 @HLF-TE-005 @HLF-SD-005 @id:wearable-twinned
  Scenario: A wearable is twinned with a telephone
    # 1 and 2: Tom is a subscriber and starts on his telephone.
    Given a primary device without twinnings
    # 3: He is told that he needs a valid code.
    When the primary device activates without a code
    Then the enabler refuses the activation because the code is not valid
    # 4: He asks for one on the wearable.
    When a secondary device asks for an activation code
    # 5: It is shown there.
    Then the answer holds an activation code
    # 6: He types it into the telephone.
    When the primary device activates with the code
    # 7: The enabler checks it and twins the two, switched on.
    Then the enabler creates a twinning
    And the answer says that the twinning is on
    And the secondary device reads that its twinning is on
    # 8: Each application has a token of its own for what comes later.
    When the secondary device asks the authorization server for the token for its twinning
    Then the authorization server gives a token
    And the primary device and the secondary device use different tokens
    When the secondary device switches the twinning off
    Then the enabler accepts the change
    And both devices read that the twinning is off
